package payloads

import (
	"strings"
	"testing"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "4096": 4096, "1000": 1000, "64B": 64, "64 b": 64,
		"64KiB": 65536, "64kb": 65536, "64K": 65536, "1MiB": 1 << 20, "1MB": 1 << 20, "1m": 1 << 20,
		"0.5MiB": 1 << 19, "1.5KiB": 1536, ".5k": 512, "1GiB": 1 << 30, "3GiB": MaxSize, "3221225472": MaxSize,
		" 10MiB ": 10 << 20, "007": 7, "0.25 GiB": 1 << 28,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for text, remedy := range map[string]string{
		"":                             "write for example",
		"0":                            "use 1 byte to 3GiB",
		"0MiB":                         "use 1 byte to 3GiB",
		"-1":                           "use 1 byte to 3GiB",
		"-5MiB":                        "use 1 byte to 3GiB",
		"3221225473":                   "use at most 3GiB",
		"4GiB":                         "use at most 3GiB",
		"1TiB":                         "use B, KiB, MiB or GiB",
		"99999999999999GiB":            "use at most 3GiB",
		"1" + strings.Repeat("0", 400): "use at most 3GiB",
		"0.3KiB":                       "use a plain number such as 308",
		"0.5":                          "use a plain number such as 1",
		"MiB":                          "write for example",
		"1.2.3MiB":                     "write for example",
		"1e6":                          "write for example",
		"0x10":                         "write for example",
		"NaN":                          "write for example",
		"inf":                          "write for example",
		"10MiB5":                       "write for example",
		"1_000":                        "write for example",
		"64KiBs":                       "use B, KiB, MiB or GiB",
		"+5":                           "write for example",
		".":                            "write for example",
	} {
		_, err := ParseSize(text)
		if err == nil {
			t.Errorf("ParseSize(%q) succeeds", text)
			continue
		}
		if !strings.Contains(err.Error(), remedy) || len(text) < 100 && !strings.Contains(err.Error(), `"`+text+`"`) {
			t.Errorf("ParseSize(%q): %q names no value or not the remedy %q", text, err, remedy)
		}
	}
}

func TestFormatSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		1: "1B", 64: "64B", 1000: "1000B", 1024: "1KiB", 1536: "1.5KiB", 65536: "64KiB", 1 << 20: "1MiB",
		1<<20 + 1: "1048577B", 100 << 20: "100MiB", 1 << 30: "1GiB", 1<<30 + 1<<28: "1.25GiB", MaxSize: "3GiB",
		500 << 20: "500MiB", 0: "0B",
	} {
		if got := FormatSize(bytes); got != want {
			t.Errorf("FormatSize(%d) = %q, want %q", bytes, got, want)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, seed := range []string{"64KiB", "0.5MiB", "-1", "1e9", "3GiB", "1536", "805306369", "..", "1 MB", "٣"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		size, err := ParseSize(text)
		if err != nil {
			if size != 0 || err.Error() == "" {
				t.Errorf("ParseSize(%q) = %d with error %q", text, size, err)
			}
			return
		}
		if size < 1 || size > MaxSize {
			t.Errorf("ParseSize(%q) = %d", text, size)
		}
		if again, err := ParseSize(FormatSize(size)); err != nil || again != size {
			t.Errorf("ParseSize(FormatSize(%d)) = %d, %v", size, again, err)
		}
	})
}
