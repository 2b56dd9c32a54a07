package modes

import (
	"fmt"

	"rrbench/payloads"
	"rrbench/transport"
)

// Abilities are what a guest can do beyond what every function must (docs/guest-abi.md).
type Abilities struct {
	// Produces: it makes payloads by itself; Buffer and Heap: where.
	Produces, Buffer, Heap bool
	// Writes: its handler can change what it got.
	Writes bool
}

// Reason says why the guest cannot be the source of payloads of a kind with an origin, empty where
// it can.
func (a Abilities) Reason(origin transport.Origin, kind payloads.Kind) string {
	const instead = " (docs/guest-abi.md): use --origin host"
	switch {
	case origin == transport.OriginHost:
		return ""
	case !a.Produces:
		return "the guest does not export produce" + instead
	case kind != payloads.Text:
		return fmt.Sprintf("guests make payloads of the kind %s alone, not %s%s", payloads.Text, kind, instead)
	case origin == transport.OriginBuffer && !a.Buffer:
		return "the guest does not import output_buffer" + instead
	case origin == transport.OriginHeap && !a.Heap:
		return "the guest does not import locate_memory_region" + instead
	}
	return ""
}
