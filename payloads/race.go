//go:build race

package payloads

import (
	"runtime"
	"unsafe"
)

// What reads or writes whole payloads, a word at a time, tells the race detector once and goes by
// unwatched: told of each word, the detector takes twenty times as long to see the same.

func reads(payload []byte) {
	if len(payload) > 0 {
		runtime.RaceReadRange(unsafe.Pointer(unsafe.SliceData(payload)), len(payload))
	}
}

func writes(payload []byte) {
	if len(payload) > 0 {
		runtime.RaceWriteRange(unsafe.Pointer(unsafe.SliceData(payload)), len(payload))
	}
}
