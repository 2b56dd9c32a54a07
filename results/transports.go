package results

import (
	"slices"
	"strings"
)

// TransportInfo is what tables and figures need to know of a transport. The run says it in
// its manifest, so that they are drawn where the transport is unknown.
type TransportInfo struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
	// Family is the group in which the transport is shown, Place its place among those of the
	// group in legends.
	Family string `json:"family"`
	Place  int    `json:"place"`
	// Limits name what does the same physical work without functions. The fastest counts.
	Limits []string `json:"limits,omitempty"`
	// Flag is that of the parameter that the transport has beside all others', if any.
	Flag string `json:"flag,omitempty"`
}

// LimitFamily is the family of what the machine reaches without functions.
const LimitFamily = "limit"

// Transports are those of a run's plan.
type Transports []TransportInfo

// Of is what the run says of a transport. In a run of an earlier version, which says
// nothing, a transport has the family that its name begins with.
func (t Transports) Of(name string) TransportInfo {
	if i := slices.IndexFunc(t, func(info TransportInfo) bool { return info.Name == name }); i >= 0 {
		return t[i]
	}
	family, _, _ := strings.Cut(name, "/")
	return TransportInfo{Name: name, Family: family}
}
