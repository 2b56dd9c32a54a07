package enginetest

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"rrbench/engines"
)

// section is a module's.
func section(id byte, contents ...[]byte) []byte {
	content := slices.Concat(contents...)
	return append(binary.AppendUvarint([]byte{id}, uint64(len(content))), content...)
}

func module(sections ...[]byte) []byte {
	return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(sections...))
}

// Needing has for each feature a module that needs it and is valid otherwise.
var Needing = map[engines.Feature][]byte{
	engines.ExtendedConstants:  module(section(6, []byte{1, 0x7f, 0, 0x41, 1, 0x41, 2, 0x6a, 0x0b})),
	engines.TailCalls:          withBody("\x12\x00"),
	engines.RelaxedSIMD:        withBody(vector + vector + "\xfd\x80\x02\x1a"),
	engines.WideArithmetic:     withBody("\x42\x00\x42\x00\x42\x00\x42\x00\xfc\x13\x1a\x1a"),
	engines.Threads:            withBody("\x41\x00\xfe\x10\x02\x00\x1a"),
	engines.Exceptions:         withBody("\x1f\x40\x00\x0b"),
	engines.FunctionReferences: withBody("\xd0\x70\xd4\x1a"),
	engines.GarbageCollection:  withBody("\x41\x00\xfb\x1c\x1a"),
	engines.Memory64:           module(section(5, []byte{1, 4, 1})),
	engines.SeveralMemories:    module(section(5, []byte{2, 0, 1, 0, 1})),
	engines.PageSizes:          module(section(5, []byte{1, 8, 1, 0})),
}

const vector = "\xfd\x0c0123456789abcdef"

// withBody is a module with a memory and a function of these instructions.
func withBody(body string) []byte {
	return module(section(1, []byte{1, 0x60, 0, 0}), section(3, []byte{1, 0}), section(5, []byte{1, 0, 1}),
		section(10, []byte{1, byte(len(body) + 2), 0}, []byte(body), []byte{0x0b}))
}

// testFeatures compiles what needs each feature.
func (s *suite) testFeatures(t *testing.T) {
	for feature, wasm := range Needing {
		module, err := s.engine.Compile(t.Context(), wasm)
		if err == nil {
			module.Close()
		}
		if slices.Contains(s.engine.Capabilities().Features, feature) {
			if err != nil {
				t.Errorf("%s: %v", feature, err)
			}
			continue
		}
		if lacking := (*engines.Lacking)(nil); !errors.As(err, &lacking) || lacking.Feature != feature || !strings.Contains(err.Error(), s.engine.Name()) {
			t.Errorf("%s: the error %v does not say that the engine lacks it", feature, err)
		}
	}
}
