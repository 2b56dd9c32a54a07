package results

import (
	"errors"
	"fmt"
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram counts latencies in nanoseconds, each to within 1 %.
type Histogram struct{ *hdrhistogram.Histogram }

// longestLatency is what a Histogram tells from longer ones.
const longestLatency = int64(24 * 3600 * 1e9)

// NewHistogram returns an empty one, which takes some 40 kB.
func NewHistogram() *Histogram { return &Histogram{hdrhistogram.New(1, longestLatency, 2)} }

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
	return h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
}

// longestHistogram bounds what is read, in bytes of text.
const longestHistogram = 64 << 10

// UnmarshalText reads it.
func (h *Histogram) UnmarshalText(text []byte) (err error) {
	if len(text) > longestHistogram {
		return fmt.Errorf("a histogram of %d bytes is longer than %d", len(text), longestHistogram)
	}
	defer func() {
		// The library trusts the lengths in the text.
		if fault := recover(); fault != nil {
			err = fmt.Errorf("no histogram: %v", fault)
		}
	}()
	h.Histogram, err = hdrhistogram.Decode(text)
	if err == nil && (h.SignificantFigures() > 2 || h.HighestTrackableValue() > longestLatency) {
		// A few bytes of text may ask for much memory.
		h.Histogram, err = nil, errors.New("a histogram that is finer or reaches further than those of this program")
	}
	return err
}
