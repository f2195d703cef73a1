/** Never gets as far as its handler. */

throw new Error("the function's module does not load");
