/** Owns the type of a text file that the bundler inlines. */

declare module "*.txt" {
  const text: string;
  export default text;
}
