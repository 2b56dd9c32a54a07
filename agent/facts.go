package agent

import (
	"rrbench/catalogue"
	engines "rrbench/engines/catalogue"
	"rrbench/foreign"
	"rrbench/measure"
	"rrbench/results"
	"rrbench/shim/launch"
)

// Facts describe an agent's node.
type Facts struct {
	// Address is the IP address at which the node's targets listen.
	Address string `json:"address"`
	// Peer is for the manifest of a run.
	Peer results.Peer `json:"peer"`
	// Memory is how many bytes shims may take.
	Memory int64 `json:"memory_bytes"`
	// Transports and Engines have the reason of each one that cannot run there.
	Transports map[string]string `json:"transports_lacking,omitempty"`
	Engines    map[string]string `json:"engines_lacking,omitempty"`
}

// ReadFacts examines this host.
func ReadFacts() (Facts, error) {
	available, err := measure.AvailableMemory()
	if err != nil {
		return Facts{}, err
	}
	f := Facts{Memory: available, Transports: make(map[string]string), Engines: make(map[string]string)}
	f.Peer.Environment = measure.ReadEnvironment()
	f.Peer.Engines = make(map[string]string)
	for _, t := range catalogue.All() {
		info := t.Info()
		if !info.Across {
			continue
		}
		parameter, err := launch.Across(info, "")
		if err == nil {
			err = launch.Check(t, parameter)
		}
		if err != nil {
			f.Transports[info.Name] = foreign.Error(err)
		}
	}
	for _, name := range engines.Names() {
		engine, err := engines.New(name, engines.Options{})
		if err != nil {
			f.Engines[name] = foreign.Error(err)
			continue
		}
		f.Peer.Engines[name] = engine.Version()
		if err := engine.Close(); err != nil {
			return f, err
		}
	}
	return f, nil
}
