package results

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram counts latencies in nanoseconds, each to within 1 %. One that was read is kept as its text, a hundredth as long.
type Histogram struct {
	*hdrhistogram.Histogram
	text []byte
}

const longestLatency = int64(24 * 3600 * 1e9)

// NewHistogram returns an empty one, which takes some 40 kB.
func NewHistogram() *Histogram { return &Histogram{Histogram: hdrhistogram.New(1, longestLatency, 2)} }

// Record counts one latency. It allocates nothing.
func (h *Histogram) Record(ns int64) {
	_ = h.RecordValue(min(max(ns, 1), longestLatency)) // within the bounds it cannot fail
}

// Percentile is NaN for an empty histogram.
func (h *Histogram) Percentile(percent float64) float64 {
	if h.TotalCount() == 0 {
		return math.NaN()
	}
	return float64(h.ValueAtPercentile(percent))
}

// MarshalText writes the interchange format of HdrHistogram: V2, compressed, in base64.
func (h *Histogram) MarshalText() ([]byte, error) {
	if h.text != nil {
		return h.text, nil
	}
	return h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
}

const longestHistogram = 64 << 10

// UnmarshalText reads it.
func (h *Histogram) UnmarshalText(text []byte) error {
	_, err := decode(text)
	h.Histogram, h.text = nil, bytes.Clone(text)
	return err
}

func (h *Histogram) counts() *hdrhistogram.Histogram {
	if h.text == nil {
		return h.Histogram
	}
	counts, _ := decode(h.text) // UnmarshalText has accepted it
	return counts
}

func decode(text []byte) (h *hdrhistogram.Histogram, err error) {
	if len(text) > longestHistogram {
		return nil, fmt.Errorf("a histogram of %d bytes is longer than %d", len(text), longestHistogram)
	}
	defer func() {
		// The library trusts the lengths in the text.
		if fault := recover(); fault != nil {
			h, err = nil, fmt.Errorf("no histogram: %v", fault)
		}
	}()
	h, err = hdrhistogram.Decode(text)
	if err == nil && (h.SignificantFigures() > 2 || h.HighestTrackableValue() > longestLatency) {
		// A few bytes of text may ask for much memory.
		return nil, errors.New("a histogram that is finer or reaches further than those of this program")
	}
	return h, err
}
