//go:build slow

package user

import "time"

const soakHandoffs = 100_000

// propertyTime bounds TestPropertyHandoffs, unless the machine is so busy that it has not
// seen everything by then.
const propertyTime = time.Minute
