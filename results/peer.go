package results

import "rrbench/measure"

// Peer is another node that took part in a run.
type Peer struct {
	// Address is where its agent was reached.
	Address string `json:"address"`
	// Program is what ran there, and Environment its machine as the run began.
	Program     Program             `json:"program"`
	Environment measure.Environment `json:"environment"`
	// Engines are those that it has, with their versions.
	Engines map[string]string `json:"engines,omitempty"`
	Link    measure.Link      `json:"link"`
}
