package payloads

import (
	"encoding/binary"
	"math"
)

// RecordSize is the size of a Record in memory, in bytes.
const RecordSize = 64

// Record is one reading of a sensor: what functions of real pipelines hand to one another
// by the thousand. In memory it is 64 bytes without gaps, fields in this order,
// little-endian, the same in Go, C and Rust.
type Record struct {
	ID uint64 `json:"id"`
	// Time is in nanoseconds since 1970.
	Time   int64  `json:"time"`
	Sensor uint32 `json:"sensor"`
	Flags  uint32 `json:"flags"`
	// Temperature is in degrees Celsius, Humidity in per cent, Pressure in hectopascals.
	Temperature float64 `json:"temperature"`
	Humidity    float64 `json:"humidity"`
	Pressure    float64 `json:"pressure"`
	Latitude    float64 `json:"latitude"`
	Longitude   float64 `json:"longitude"`
}

// recordAt returns the index-th record of a seed. Measurements have the few decimals that
// instruments give, so JSON writes them in few digits; the id differs in every record.
func recordAt(seed, index uint64) Record {
	id := Mix(seed, index)
	values := Mix(id, 0)
	return Record{
		ID:          id,
		Time:        1_700_000_000_000_000_000 + int64(index)*1_000_000 + int64(id&0xFFFFF),
		Sensor:      uint32(values & 0x3FF),
		Flags:       uint32(values >> 10 & 0xF),
		Temperature: float64(int64(values>>14&0x1FFF)-2000) / 100,
		Humidity:    float64(values>>27&0x3FF) / 10,
		Pressure:    900 + float64(values>>37&0x7FF)/10,
		Latitude:    float64(int64(id>>20&0xFFFFF)-524288) / 10000,
		Longitude:   float64(int64(id>>40&0x1FFFFF)-1048576) / 10000,
	}
}

func (r *Record) put(dst *[RecordSize]byte) {
	binary.LittleEndian.PutUint64(dst[0:8], r.ID)
	binary.LittleEndian.PutUint64(dst[8:16], uint64(r.Time))
	binary.LittleEndian.PutUint32(dst[16:20], r.Sensor)
	binary.LittleEndian.PutUint32(dst[20:24], r.Flags)
	binary.LittleEndian.PutUint64(dst[24:32], math.Float64bits(r.Temperature))
	binary.LittleEndian.PutUint64(dst[32:40], math.Float64bits(r.Humidity))
	binary.LittleEndian.PutUint64(dst[40:48], math.Float64bits(r.Pressure))
	binary.LittleEndian.PutUint64(dst[48:56], math.Float64bits(r.Latitude))
	binary.LittleEndian.PutUint64(dst[56:64], math.Float64bits(r.Longitude))
}
