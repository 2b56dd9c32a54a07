package wasi

import (
	"embed"

	"rrbench/transport"
	"rrbench/workloads"
)

//go:embed guests/built
var built embed.FS

const (
	goGuest = "http-go"
	cGuest  = "http-c"
)

var _ transport.GuestOwner = Guests{}

func (Guests) GuestNames() []string { return []string{goGuest, cGuest} }

func (g Guests) GuestModule(name string) ([]byte, error) {
	return workloads.Built(built, "guests/built", name, g.GuestNames())
}
