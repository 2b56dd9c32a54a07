package plots

import (
	"image/color"

	"rrbench/results"
)

// A kind is what figures need to know of a transport.
type kind struct {
	family string
	// place of the family in legends and rows, and of the transport among its family.
	place, within int
	color         color.NRGBA
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

// families are those of transports, in the order of legends.
var families = []struct {
	name  string
	color color.NRGBA
}{{"user", blue}, {"kernel", bluishGreen}, {"network", reddishPurple}, {"auto", skyBlue}, {"http", vermillion}, {"redis", orange}, {results.LimitFamily, grey}}

func kindOf(info results.TransportInfo) kind {
	k := kind{family: info.Family, place: len(families), within: info.Place, color: color.NRGBA{A: 255}, limit: info.Family == results.LimitFamily}
	for place, known := range families {
		if known.name == info.Family {
			k.place, k.color = place, known.color
		}
	}
	return k
}

// shade varies a colour: as it is, darker, lighter, and so on.
func shade(base color.NRGBA, variant int) color.NRGBA {
	mix := func(to, share float64) color.NRGBA {
		channel := func(from uint8) uint8 { return uint8(float64(from)*(1-share) + to*share) }
		return color.NRGBA{channel(base.R), channel(base.G), channel(base.B), 255}
	}
	return []color.NRGBA{base, mix(0, 0.42), mix(255, 0.42)}[variant%3]
}
