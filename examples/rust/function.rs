// A function in Rust: docs/guest-abi.md says what each export is for.
// Build it in this folder, and measure with it (the target comes with rustup target add
// wasm32-unknown-unknown, or Debian's libstd-rust-dev-wasm32):
//
//	rustc --edition 2021 --target wasm32-unknown-unknown --crate-type cdylib -O -o function.wasm function.rs
//
// rrbench sweep --transports user/copy,kernel/stream --sizes 1MiB --guest function.wasm

use std::alloc::{alloc, dealloc, Layout};

#[link(wasm_import_module = "roadrunner")]
extern "C" {
    fn send_to_host(pointer: *const u8, length: usize) -> i32;
    fn output_buffer(length: usize) -> *mut u8;
    fn locate_memory_region(pointer: *const u8, length: usize) -> i32;
    fn release_memory_region(pointer: *const u8) -> i32;
}

#[no_mangle]
pub extern "C" fn allocate_memory(length: usize) -> *mut u8 {
    match Layout::from_size_align(length, 16) {
        Ok(layout) if length > 0 => unsafe { alloc(layout) },
        _ => std::ptr::null_mut(),
    }
}

#[no_mangle]
pub unsafe extern "C" fn deallocate_memory(pointer: *mut u8, length: usize) {
    dealloc(pointer, Layout::from_size_align_unchecked(length, 16));
}

fn mix(lane: u64, word: u64) -> u64 {
    (lane ^ word).rotate_left(29).wrapping_mul(0x9E3779B97F4A7C15)
}

fn step(lanes: &mut [u64; 4], block: &[u8]) {
    for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(8)) {
        *lane = mix(*lane, u64::from_le_bytes(word.try_into().unwrap()));
    }
}

#[no_mangle]
pub unsafe extern "C" fn handle(pointer: *const u8, length: usize) -> u64 {
    let payload = std::slice::from_raw_parts(pointer, length);
    let mut lanes = [0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1];
    let blocks = payload.chunks_exact(32);
    let rest = blocks.remainder();
    blocks.for_each(|block| step(&mut lanes, block));
    if !rest.is_empty() {
        let mut last = [0; 32];
        last[..rest.len()].copy_from_slice(rest);
        step(&mut lanes, &last);
    }
    let h = lanes.iter().fold(length as u64, |h, &lane| mix(h, lane));
    h ^ h >> 32
}

#[no_mangle]
pub unsafe extern "C" fn handle_write(pointer: *mut u8, length: usize) -> u64 {
    let digest = handle(pointer, length);
    for page in std::slice::from_raw_parts_mut(pointer, length).chunks_mut(BLOCK) {
        page[0] = page[0].wrapping_add(1);
    }
    digest
}

/// How far apart the marks in a payload lie.
const BLOCK: usize = 4096;
const PHRASE: &[u8] = b"The roadrunner carries the words from one function to another and drops none. ";

/// Writes the payload of a seed.
fn fill(payload: &mut [u8], seed: u64) {
    let mut text = [0; BLOCK];
    text[16..].iter_mut().zip(PHRASE.iter().cycle()).for_each(|(to, from)| *to = *from);
    for (index, part) in payload.chunks_mut(BLOCK).enumerate() {
        let mut z = seed.wrapping_add((index as u64 + 1).wrapping_mul(0x9E3779B97F4A7C15));
        z = (z ^ z >> 30).wrapping_mul(0xBF58476D1CE4E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D049BB133111EB);
        z ^= z >> 31;
        for i in 0..16 {
            text[i] = b"0123456789abcdef"[(z >> (60 - 4 * i) & 15) as usize];
        }
        part.copy_from_slice(&text[..part.len()]);
    }
}

/// Memory of this function for the payloads that it makes, which the host knows.
static mut OWN: (*mut u8, usize) = (std::ptr::null_mut(), 0);

/// Makes the payload where the host wants it, which spares a copy, or else in OWN.
#[no_mangle]
pub unsafe extern "C" fn produce(length: usize, seed: u64) -> *mut u8 {
    let mut pointer = output_buffer(length);
    if pointer.is_null() {
        if OWN.1 != length {
            if !OWN.0.is_null() {
                release_memory_region(OWN.0);
                deallocate_memory(OWN.0, OWN.1);
            }
            OWN = (allocate_memory(length), length);
            locate_memory_region(OWN.0, length);
        }
        pointer = OWN.0;
    }
    if !pointer.is_null() {
        fill(std::slice::from_raw_parts_mut(pointer, length), seed);
    }
    pointer
}

#[no_mangle]
pub unsafe extern "C" fn send(pointer: *const u8, length: usize) -> i32 {
    send_to_host(pointer, length)
}
