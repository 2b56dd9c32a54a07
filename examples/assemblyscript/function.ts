// A function in AssemblyScript: docs/guest-abi.md says what each export is for.
// Build it in this folder, and measure with it (the compiler comes with npm install --global assemblyscript):
//
//	asc function.ts -O3 --noAssert --runtime minimal --exportStart _initialize --use abort= -o function.wasm
//
// rrbench sweep --transports user/copy,kernel/stream --sizes 1MiB --guest function.wasm

@external("roadrunner", "send_to_host")
declare function send_to_host(pointer: usize, length: usize): i32;
@external("roadrunner", "output_buffer")
declare function output_buffer(length: usize): usize;
@external("roadrunner", "locate_memory_region")
declare function locate_memory_region(pointer: usize, length: usize): i32;
@external("roadrunner", "release_memory_region")
declare function release_memory_region(pointer: usize): i32;

// The allocator traps where it is asked for more: a function of this language has no window.
const MOST: usize = (1 << 30) - 32;

export function allocate_memory(length: usize): usize {
  return length > MOST ? 0 : heap.alloc(length);
}

export function deallocate_memory(pointer: usize, length: usize): void {
  heap.free(pointer);
}

// @ts-ignore: decorator
@inline
function mix(lane: u64, word: u64): u64 {
  return rotl<u64>(lane ^ word, 29) * 0x9E3779B97F4A7C15;
}

// The last bytes, which are no block of 32.
const REST: usize = memory.data(32);

export function handle(pointer: usize, length: usize): u64 {
  let a: u64 = 0x6A09E667F3BCC908, b: u64 = 0xBB67AE8584CAA73B, c: u64 = 0x3C6EF372FE94F82B, d: u64 = 0xA54FF53A5F1D36F1;
  const rest = length & 31, end = pointer + length - rest;
  for (let at = pointer; at < end; at += 32) {
    a = mix(a, load<u64>(at));
    b = mix(b, load<u64>(at, 8));
    c = mix(c, load<u64>(at, 16));
    d = mix(d, load<u64>(at, 24));
  }
  if (rest > 0) {
    memory.fill(REST, 0, 32);
    memory.copy(REST, end, rest);
    a = mix(a, load<u64>(REST));
    b = mix(b, load<u64>(REST, 8));
    c = mix(c, load<u64>(REST, 16));
    d = mix(d, load<u64>(REST, 24));
  }
  const h = mix(mix(mix(mix(<u64>length, a), b), c), d);
  return h ^ (h >> 32);
}

// How far apart the marks in a payload lie.
const BLOCK: usize = 4096;

export function handle_write(pointer: usize, length: usize): u64 {
  const digest = handle(pointer, length);
  for (let at: usize = 0; at < length; at += BLOCK) store<u8>(pointer + at, load<u8>(pointer + at) + 1);
  return digest;
}

const PHRASE = String.UTF8.encode("The roadrunner carries the words from one function to another and drops none. ");
const TEXT: usize = memory.data(4096);

// Writes the payload of a seed.
function fill(payload: usize, length: usize, seed: u64): void {
  for (let i: i32 = 16; i < <i32>BLOCK; i++) {
    store<u8>(TEXT + i, load<u8>(changetype<usize>(PHRASE) + (i - 16) % PHRASE.byteLength));
  }
  let index: u64 = 0;
  for (let at: usize = 0; at < length; at += BLOCK) {
    let z = seed + ++index * 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    z ^= z >> 31;
    for (let i = 0; i < 16; i++) {
      const digit = <u8>((z >> (60 - 4 * i)) & 15);
      store<u8>(TEXT + i, digit < 10 ? 48 + digit : 87 + digit);
    }
    memory.copy(payload + at, TEXT, min(BLOCK, length - at));
  }
}

// Memory of this function for the payloads that it makes, which the host knows.
let own: usize = 0;
let ownLength: usize = 0;

// Makes the payload where the host wants it, which spares a copy, or else in own.
export function produce(length: usize, seed: u64): usize {
  let pointer = output_buffer(length);
  if (!pointer) {
    if (ownLength != length) {
      if (own) {
        release_memory_region(own);
        deallocate_memory(own, ownLength);
      }
      own = allocate_memory(length);
      ownLength = length;
      locate_memory_region(own, length);
    }
    pointer = own;
  }
  if (pointer) fill(pointer, length, seed);
  return pointer;
}

export function send(pointer: usize, length: usize): i32 {
  return send_to_host(pointer, length);
}
