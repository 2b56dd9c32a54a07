//go:build slow

package kernel

import "time"

// soakHandoffs is for each transport and engine.
const soakHandoffs = 100_000

// propertyTime bounds TestPropertyHandoffs.
const propertyTime = time.Minute
