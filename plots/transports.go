package plots

import (
	"image/color"
	"strings"
)

// A kind is what figures need to know of a transport.
type kind struct {
	family string
	// place of the family in legends and rows.
	place int
	color color.NRGBA
	// limit says that it is no transport but what the machine reaches without functions.
	limit bool
}

// Okabe and Ito's colours.
var (
	orange        = color.NRGBA{230, 159, 0, 255}
	skyBlue       = color.NRGBA{86, 180, 233, 255}
	bluishGreen   = color.NRGBA{0, 158, 115, 255}
	blue          = color.NRGBA{0, 114, 178, 255}
	vermillion    = color.NRGBA{213, 94, 0, 255}
	reddishPurple = color.NRGBA{204, 121, 167, 255}
	grey          = color.NRGBA{90, 90, 90, 255}
)

// kinds are those of the known transports.
var kinds = []kind{
	{family: "user", place: 0, color: blue},
	{family: "kernel", place: 1, color: bluishGreen},
	{family: "network", place: 2, color: reddishPurple},
	{family: "auto", place: 3, color: skyBlue},
	{family: "http", place: 4, color: vermillion},
	{family: "redis", place: 5, color: orange},
	{family: "limit", place: 6, color: grey, limit: true},
}

// kindOf is the one place in which figures know transports by name.
func kindOf(transport string) kind {
	family, _, _ := strings.Cut(transport, "/")
	for _, known := range kinds {
		if known.family == family {
			return known
		}
	}
	return kind{family: family, place: len(kinds), color: color.NRGBA{A: 255}}
}

// shade varies a colour: as it is, darker, lighter, and so on.
func shade(base color.NRGBA, variant int) color.NRGBA {
	mix := func(to, share float64) color.NRGBA {
		channel := func(from uint8) uint8 { return uint8(float64(from)*(1-share) + to*share) }
		return color.NRGBA{channel(base.R), channel(base.G), channel(base.B), 255}
	}
	return []color.NRGBA{base, mix(0, 0.42), mix(255, 0.42)}[variant%3]
}
