/** What workerd offers behind the flag `unsafe_module`, as its own tools use it (miniflare's dev-control Worker). */
declare module "workerd:unsafe" {
  const unsafe: {
    /** Drops the object from memory; with an open request or timer it waits, and fails after 30 s. */
    evict(stub: DurableObjectStub, options: { readonly webSockets: "hibernate" | "close" }): Promise<void>;
  };
  export default unsafe;
}
