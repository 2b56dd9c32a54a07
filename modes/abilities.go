package modes

import (
	"fmt"

	"rrbench/payloads"
	"rrbench/transport"
)

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
