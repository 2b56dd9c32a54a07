#include "textflag.h"

// func spinOn(word *uint32, old uint32, turns int) uint32
//
// PAUSE leaves the core to its other thread, which may be the one that is waited for.
TEXT ·spinOn(SB), NOSPLIT, $0-28
	MOVQ word+0(FP), DI
	MOVL old+8(FP), AX
	MOVQ turns+16(FP), CX

turn:
	MOVL (DI), DX
	CMPL DX, AX
	JNE  done
	PAUSE
	DECQ CX
	JNZ  turn

done:
	MOVL DX, ret+24(FP)
	RET
