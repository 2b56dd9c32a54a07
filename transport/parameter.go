package transport

import "cmp"

// Parameter is a value that a user may give to a transport. It reaches the transport as Setup.Parameter.
type Parameter struct {
	// Flag is the flag of rrbench sweep that carries it, and its key in configuration files.
	// Transports may share one.
	Flag string
	// Help says what it may be, one line for --help.
	Help string
	// Needed is why nothing can be measured without a value, and what to do about it; empty
	// where there is no need. Such a transport takes part in a sweep of all transports only
	// when a value was given.
	Needed string
	// Default is the value where none was given; empty where it depends on the cell.
	Default string
	// Read refuses a value that cannot be meant. The error is an *Unavailable where this
	// machine lacks what is meant. Where it has something else that takes the place, Read
	// says what.
	Read func(value string) (*StandIn, error)
	// Function is the module of a function, a command of WASI preview 1 that listens at the port which is its argument, for a
	// transport whose target is found by its address alone; nil elsewhere. It knows the codec raw. A value that is ByContainerd
	// and the name of a runtime of containerd's has that runtime start it; Setup.Address is then its address.
	Function []byte
	// Crossover is set where the value is the payload size from which on a transport does
	// what another one does.
	Crossover *Crossover
}

// ByContainerd begins the values of a Parameter that name a runtime of containerd's.
const ByContainerd = "containerd:"

// Starts says that the transport's target can be started by a runtime of containerd's.
func (p *Parameter) Starts() bool { return p != nil && p.Function != nil }

// StandIn takes part in a transport in the place of the real thing. Rows that were measured
// with it say so.
type StandIn struct {
	// Name is added to the engine column, behind a +.
	Name string
	// For is what is missing, Remedy what mends it.
	For, Remedy string
}

// Resolve returns the value for a transport where the user gave that one, or none, and
// what Read says of it. Without a parameter there is nothing to resolve.
func (p *Parameter) Resolve(given string) (value string, standIn *StandIn, err error) {
	if p == nil {
		return "", nil, nil
	}
	if value = cmp.Or(given, p.Default); value != "" {
		standIn, err = p.Read(value)
	}
	return value, standIn, err
}

// Crossover is the parameter's, for a transport that chooses between two others by payload
// size; nil for the rest.
func (i Info) Crossover() *Crossover {
	if i.Parameter == nil {
		return nil
	}
	return i.Parameter.Crossover
}
