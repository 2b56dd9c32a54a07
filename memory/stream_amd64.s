#include "textflag.h"

// func copyGroups(dst, src *byte, groups uintptr)
//
// VMOVNTDQ writes a line without reading it first, Intel 64 and IA-32 Architectures
// Optimization Reference Manual, "Non-temporal Stores"; SFENCE makes the lines visible
// before anything that is stored later.
TEXT ·copyGroups(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ groups+16(FP), CX

group:
	MOVQ $32, DX

lines:
	PREFETCHT0 256(SI)
	PREFETCHT0 320(SI)
	PREFETCHT0 (4096+256)(SI)
	PREFETCHT0 (4096+320)(SI)
	PREFETCHT0 (8192+256)(SI)
	PREFETCHT0 (8192+320)(SI)
	PREFETCHT0 (12288+256)(SI)
	PREFETCHT0 (12288+320)(SI)

	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VMOVDQU 64(SI), Y2
	VMOVDQU 96(SI), Y3
	VMOVDQU 4096(SI), Y4
	VMOVDQU (4096+32)(SI), Y5
	VMOVDQU (4096+64)(SI), Y6
	VMOVDQU (4096+96)(SI), Y7
	VMOVDQU 8192(SI), Y8
	VMOVDQU (8192+32)(SI), Y9
	VMOVDQU (8192+64)(SI), Y10
	VMOVDQU (8192+96)(SI), Y11
	VMOVDQU 12288(SI), Y12
	VMOVDQU (12288+32)(SI), Y13
	VMOVDQU (12288+64)(SI), Y14
	VMOVDQU (12288+96)(SI), Y15

	VMOVNTDQ Y0, (DI)
	VMOVNTDQ Y1, 32(DI)
	VMOVNTDQ Y2, 64(DI)
	VMOVNTDQ Y3, 96(DI)
	VMOVNTDQ Y4, 4096(DI)
	VMOVNTDQ Y5, (4096+32)(DI)
	VMOVNTDQ Y6, (4096+64)(DI)
	VMOVNTDQ Y7, (4096+96)(DI)
	VMOVNTDQ Y8, 8192(DI)
	VMOVNTDQ Y9, (8192+32)(DI)
	VMOVNTDQ Y10, (8192+64)(DI)
	VMOVNTDQ Y11, (8192+96)(DI)
	VMOVNTDQ Y12, 12288(DI)
	VMOVNTDQ Y13, (12288+32)(DI)
	VMOVNTDQ Y14, (12288+64)(DI)
	VMOVNTDQ Y15, (12288+96)(DI)

	ADDQ $128, SI
	ADDQ $128, DI
	DECQ DX
	JNZ  lines

	ADDQ $12288, SI
	ADDQ $12288, DI
	DECQ CX
	JNZ  group

	SFENCE
	VZEROUPPER
	RET
// func copyLines(dst, src *byte, groups uintptr)
//
// Stores go through the cache. From about the size of a core's own cache on, REP MOVS, which the built-in
// copy is made of, goes past it.
TEXT ·copyLines(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ groups+16(FP), CX
	SHLQ $7, CX

pair:
	PREFETCHT0 1024(SI)
	PREFETCHT0 1088(SI)

	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VMOVDQU 64(SI), Y2
	VMOVDQU 96(SI), Y3

	VMOVDQA Y0, (DI)
	VMOVDQA Y1, 32(DI)
	VMOVDQA Y2, 64(DI)
	VMOVDQA Y3, 96(DI)

	ADDQ $128, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  pair

	VZEROUPPER
	RET
