package payloads

import (
	"encoding/binary"
	"unsafe"
)

// This file sees the same memory as text, as records and as bytes without copying.
//
// Invariants: a Record has no padding and is RecordSize bytes (checked at compile time
// below), its fields hold any bit pattern, and the machine is little-endian (checked at
// start-up), so a []Record and the flat form of Fill are the same bytes. Views share
// memory and keep it alive; a string view is sound only while nothing writes.

var _ = [1]struct{}{}[unsafe.Sizeof(Record{})-RecordSize]

func init() {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		panic("payloads: records lie in memory in little-endian order, this machine is big-endian")
	}
}

func textView(flat []byte) string { return unsafe.String(unsafe.SliceData(flat), len(flat)) }

func textBytes(text string) []byte { return unsafe.Slice(unsafe.StringData(text), len(text)) }

func recordBytes(records []Record) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(records))), len(records)*RecordSize)
}

// recordsView needs a whole number of records. Memory that is not aligned is copied.
func recordsView(flat []byte) []Record {
	count := len(flat) / RecordSize
	if count == 0 {
		return nil
	}
	start := unsafe.Pointer(unsafe.SliceData(flat))
	if uintptr(start)%unsafe.Alignof(Record{}) == 0 {
		return unsafe.Slice((*Record)(start), count)
	}
	records := make([]Record, count)
	copy(recordBytes(records), flat)
	return records
}
