package results

import (
	"math"
	"testing"
)

func TestFormats(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{FormatSize(0), "0 B"}, {FormatSize(64), "64 B"}, {FormatSize(64 << 10), "64 KiB"}, {FormatSize(1 << 20), "1 MiB"},
		{FormatSize(3 << 19), "1.5 MiB"}, {FormatSize(500 << 20), "500 MiB"}, {FormatSize(3 << 30), "3 GiB"}, {FormatSize(1023.9 * 1024), "1 MiB"},
		{FormatDuration(0), "0 ns"}, {FormatDuration(137), "137 ns"}, {FormatDuration(12.5), "12.5 ns"}, {FormatDuration(999.7), "1.00 µs"},
		{FormatDuration(1300), "1.30 µs"}, {FormatDuration(12.84e6), "12.8 ms"}, {FormatDuration(4.021e9), "4.02 s"}, {FormatDuration(99.96e3), "100 µs"},
		{FormatDuration(math.NaN()), ""}, {FormatDuration(math.Inf(1)), ""},
		{FormatRate(6.812e9), "6.81 GB/s"}, {FormatRate(120e6), "120 MB/s"},
		{FormatInterval(12.84e6, 12.61e6, 130.9e6), "12.8 [12.6, 131] ms"},
		{FormatSum(3100, 12400), "3.10 + 12.4 µs"}, {FormatSum(math.NaN(), 1), ""},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}
