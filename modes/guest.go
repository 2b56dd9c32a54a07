package modes

import (
	"fmt"
	"slices"
	"strings"

	"rrbench/transport"
	"rrbench/workloads"
)

// Info describes a mode: it hands over the bytes of a Wasm function's object as they are, between two
// shims unless Hosting is changed. limits are as for transport.Info.
func Info(name, summary string, family transport.Family, place int, limits ...string) transport.Info {
	return transport.Info{
		Name:            name,
		Summary:         summary,
		Family:          family,
		Place:           place,
		Limits:          limits,
		Hosting:         transport.SeparateProcesses,
		FansIn:          true,
		Across:          family == transport.Network,
		Runs:            transport.Wasm,
		Codecs:          []transport.Codec{transport.None},
		Origins:         transport.Origins(),
		CopiesPerTarget: 1,
		CopiesAtSource:  1,
	}
}

// GuestOf names the guest that a transport runs for a codec where that one was asked for, or
// none. The built-in functions stand for a guest of the transport's own, which is the same
// function for another ABI. The error says why what was asked for cannot be meant, and what can.
func GuestOf(info transport.Info, codec transport.Codec, asked string) (string, error) {
	own, owns := info.Guests[codec]
	switch {
	case !owns:
		_, err := workloads.Guest(asked)
		return asked, err
	case asked == "" || slices.Contains(workloads.Guests(), asked):
		return own[0], nil
	case slices.Contains(own, asked):
		return asked, nil
	}
	remedy := "leave --guest out"
	for _, other := range info.Codecs {
		if theirs, own := info.Guests[other]; !own || slices.Contains(theirs, asked) {
			remedy += fmt.Sprintf(", or use --codecs %s", other)
		}
	}
	return "", fmt.Errorf("guest %s: %s runs %s alone for the codec %s: %s", asked, info.Name, strings.Join(own, " and "), codec, remedy)
}
