/** Recordings the embedded VTGate cannot reproduce, each with its reason. The list may only shrink. */
export const NOT_REPRODUCED: Record<string, string> = {};
