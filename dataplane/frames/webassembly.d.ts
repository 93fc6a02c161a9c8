/**
 * The part of the WebAssembly JavaScript interface that flowgrid uses. Node has it; TypeScript declares it only
 * together with the browser's globals, which do not belong here.
 */
declare namespace WebAssembly {
  interface MemoryDescriptor {
    /** Pages of 64 KiB. */
    initial: number;
    maximum: number;
    shared: boolean;
  }
  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: SharedArrayBuffer;
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: { readonly [module: string]: { readonly [name: string]: unknown } });
    readonly exports: { readonly [name: string]: unknown };
  }
}
