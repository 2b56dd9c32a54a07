package measure

// Link is what lies between two nodes.
type Link struct {
	Here  Interface `json:"here"`
	There Interface `json:"there"`
	// Congestion is the congestion control of TCP connections to the peer, RTTNs the kernel's
	// estimate of the time there and back as the run began.
	Congestion string `json:"congestion_control,omitempty"`
	RTTNs      int64  `json:"rtt_ns,omitempty"`
}

// Interface is a node's end of a link.
type Interface struct {
	Name string `json:"name,omitempty"`
	MTU  int    `json:"mtu,omitempty"`
	// Offloads are what it does in place of the kernel, of tso, gso, gro and the checksums tx and rx.
	Offloads []string `json:"offloads,omitempty"`
	// SpeedMbit is in megabits a second, 0 where it is not known.
	SpeedMbit int `json:"speed_mbit,omitempty"`
}
