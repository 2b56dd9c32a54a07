package engines

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Feature is a proposal for WebAssembly that came after 2.0, in plain words.
// See https://github.com/WebAssembly/proposals
type Feature string

// The features that a module can be found to need. Those that Admit refuses are enabled in no
// engine.
const (
	ExtendedConstants  Feature = "extended constant expressions"
	TailCalls          Feature = "tail calls"
	RelaxedSIMD        Feature = "relaxed SIMD"
	WideArithmetic     Feature = "wide arithmetic"
	Threads            Feature = "threads"
	Exceptions         Feature = "exceptions"
	FunctionReferences Feature = "typed function references"
	GarbageCollection  Feature = "garbage collection"
	Memory64           Feature = "64-bit memory"
	SeveralMemories    Feature = "several memories"
	PageSizes          Feature = "custom page sizes"
)

// Lacking is the error of a module that needs a feature which its engine does not have.
type Lacking struct {
	Engine  string
	Feature Feature
	// Having are the engines of this program that have it; package catalogue knows them.
	Having []string
}

func (l *Lacking) Error() string {
	remedy := "as all of this program do: build it without"
	if len(l.Having) > 0 {
		remedy = fmt.Sprintf("but not %s: use --engines %s, or build it without", strings.Join(l.Having, " and "), strings.Join(l.Having, ","))
	}
	return fmt.Sprintf("it needs %s, which engine %s lacks, %s", l.Feature, l.Engine, remedy)
}

// Refused makes the error of a module that an engine refuses. If the module needs a feature that the engine lacks,
// that is the cause: engines report such a module as broken.
func Refused(engine string, has []Feature, wasm []byte, cause string) error {
	if lacking := CheckFeatures(engine, has, wasm); lacking != nil {
		return lacking
	}
	return fmt.Errorf("engine %s refuses the module: %s", engine, cause)
}

// CheckFeatures returns a *Lacking for a module that needs a feature not listed in has, or nil. It reads all
// instructions.
func CheckFeatures(engine string, has []Feature, wasm []byte) error {
	a := admission{instructions: true}
	_ = a.sections(wasm, a.section)
	for _, feature := range a.needs {
		if !slices.Contains(has, feature) {
			return &Lacking{Engine: engine, Feature: feature}
		}
	}
	return nil
}

// errFeature ends the reading of a module whose rest cannot be read without knowing a feature.
var errFeature = errors.New("it needs a later WebAssembly than 2.0")

// need notes a feature, once.
func (r *reader) need(feature Feature) {
	if !slices.Contains(r.needs, feature) {
		r.needs = append(r.needs, feature)
	}
}

// end ends the reading for want of a feature.
func (r *reader) end(feature Feature) {
	if r.err == nil {
		r.needs = append(r.needs, feature)
		r.fail("%w", errFeature)
	}
}

// code passes over a function's instructions, as far as they are known.
// See https://www.w3.org/TR/wasm-core-2/#binary-instr
func (r *reader) code() {
	for r.err == nil && len(r.rest) > 0 {
		switch op := r.byte(); {
		case op >= 0x02 && op <= 0x04: // block, loop, if
			r.blockType()
		case op == 0x0c, op == 0x0d, op == 0x10, op >= 0x20 && op <= 0x26, op == 0x3f, op == 0x40, op == 0xd0, op == 0xd2:
			r.signed()
		case op == 0x11: // call_indirect
			r.signed()
			r.signed()
		case op == 0x0e: // br_table
			for range r.count("labels", maxBody) + 1 {
				r.unsigned()
			}
		case op == 0x12: // return_call
			r.need(TailCalls)
			r.signed()
		case op == 0x13: // return_call_indirect
			r.need(TailCalls)
			r.signed()
			r.signed()
		case op >= 0x06 && op <= 0x0a, op == 0x18, op == 0x19, op == 0x1f:
			r.end(Exceptions)
		case op == 0x14, op == 0x15, op >= 0xd4 && op <= 0xd6:
			r.end(FunctionReferences)
		case op == 0xd3, op == 0xfb:
			r.end(GarbageCollection)
		case op == 0xfe:
			r.end(Threads)
		case op == 0x1c: // select with types
			for range r.count("types", maxBody) {
				r.valueType()
			}
		case op >= 0x28 && op <= 0x3e:
			r.memoryArgument()
		case op == 0x41, op == 0x42:
			r.signed()
		case op == 0x43:
			r.take(4)
		case op == 0x44:
			r.take(8)
		case op == 0xfc:
			r.miscellaneous()
		case op == 0xfd:
			r.vector()
		}
	}
}

func (r *reader) blockType() {
	if len(r.rest) > 0 && r.rest[0]&0xc0 == 0x40 {
		// A negative number of one byte is a type, or none (withInitial, as it happens).
		r.valueType()
		return
	}
	r.signed()
}

func (r *reader) memoryArgument() {
	if align := r.unsigned(); align&0x40 != 0 {
		r.need(SeveralMemories)
		r.unsigned()
	}
	r.signed()
}

func (r *reader) miscellaneous() {
	switch op := r.unsigned(); {
	case op < 8: // saturating truncations
	case op >= 19 && op <= 22:
		r.need(WideArithmetic)
	case op == 8, op == 10, op == 12, op == 14:
		r.unsigned()
		r.unsigned()
	default:
		r.unsigned()
	}
}

func (r *reader) vector() {
	switch op := r.unsigned(); {
	case op <= 11, op == 92, op == 93:
		r.memoryArgument()
	case op == 12, op == 13:
		r.take(16)
	case op >= 21 && op <= 34:
		r.byte()
	case op >= 84 && op <= 91:
		r.memoryArgument()
		r.byte()
	case op >= 0x100:
		r.need(RelaxedSIMD)
	}
}

// signed reads a number of 64 bits in LEB128.
func (r *reader) signed() (value int64) {
	for shift := 0; shift < 7*maxConstBytes; shift += 7 {
		b := r.byte()
		value |= int64(b&0x7f) << shift
		if b < 0x80 {
			if b&0x40 != 0 && shift < 57 {
				value |= -1 << (shift + 7)
			}
			return value
		}
	}
	r.fail("a number of more than 64 bits")
	return 0
}
