//go:build linux && !amd64 && !arm64

package audit

// registers of other processors are not known here.
var registers struct {
	callArguments     [6]int16
	cThird            int16
	goSecond, goThird int16
	stackPointer      int16
	supported         bool
}
