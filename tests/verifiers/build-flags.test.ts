import { describe, expect, it } from "vitest";
import { checkFlags } from "../../verifiers/build-flags.js";

const honest = [
  ..."-O -O0 -O1 -O2 -O3 -Os -Ofast -g -lm -fopenmp -fopenmp-simd -ffast-math -fno-math-errno -fassociative-math -ffp-contract=fast".split(
    " ",
  ),
  ..."-march=native -march=x86-64-v4 -mtune=znver4 -mavx512bf16 -mno-avx512f -mprefer-vector-width=512 -msimd128 -mrelaxed-simd -msse4.2".split(
    " ",
  ),
  ..."-funroll-loops -fno-tree-vectorize -fvect-cost-model=unlimited --param=max-unroll-times=8 -falign-loops=64".split(" "),
  ..."-DTILE=32 -DSHIFT=-3 -DMASK=0xff -DFAST -DSTORE=float -std=gnu11 -std=c++20 -Wall -Wno-unused-variable -w".split(" "),
];

const hostile = [
  ..."@more-flags -fplugin=/tmp/evil.so -fpass-plugin=evil.so -B/tmp -I/etc -include/etc/passwd -include -isystem/usr -specs=evil.specs".split(
    " ",
  ),
  ..."-Wl,-rpath,/tmp -Wa,--listing -Wp,-MD,x -Xclang -mllvm -o/tmp/out -ox -lblas -L/tmp -shared -static -x -fsanitize=address".split(" "),
  ..."-fprofile-use=/tmp/p -fdump-tree-all -save-temps -march=native;id -DNAME=1;x -DNAME=f(x) -D=1 /etc/passwd kernel.o -wrapper".split(
    " ",
  ),
  ..."-flto -fuse-ld=/tmp/ld -mexec-model=command --sysroot=/ -frandom-seed=1 -fvisibility=protected -Wl -dumpspecs -v -### -".split(" "),
  "",
  "-O3 -include /etc/passwd",
  "-O3\n-include",
];

describe("checkFlags", () => {
  it("lets through what makes code faster", () => {
    expect(checkFlags(honest)).toEqual([]);
  });

  it.each(hostile)("refuses %j and says why", (flag) => {
    const refused = checkFlags(["-O3", flag]);
    expect(refused).toEqual([{ flag, why: expect.stringMatching(/\w{3,}/) }]);
  });
});
