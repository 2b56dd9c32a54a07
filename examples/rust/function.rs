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
pub unsafe extern "C" fn send(pointer: *const u8, length: usize) -> i32 {
    send_to_host(pointer, length)
}
