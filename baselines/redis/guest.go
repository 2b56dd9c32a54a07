package redis

import (
	"embed"

	"rrbench/workloads"
)

//go:embed guest/built
var built embed.FS

// guestName is the guest that serializes what it sends and deserializes what it gets. It
// follows docs/guest-abi.md and has exports beside, see guest/function.go.
const guestName = "json-go"

func guestModule() ([]byte, error) {
	return workloads.Built(built, "guest/built", guestName, []string{guestName})
}
