/** Never dials in: the test plays its producer by hand. */

export const handler = async (): Promise<void> => undefined;
