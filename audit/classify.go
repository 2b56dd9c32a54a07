package audit

// Class is what a system call does with a payload.
type Class string

const (
	// CopiesIn copies from the caller's memory into the kernel's.
	CopiesIn Class = "copied into the kernel"
	// CopiesOut copies from the kernel's memory into the caller's.
	CopiesOut Class = "copied out of the kernel"
	// CopiesAcross copies between two processes' memory, once.
	CopiesAcross Class = "copied between processes"
	// CopiesAfterAll was to be passed by reference, and the kernel says that it has copied.
	CopiesAfterAll Class = "copied within the kernel"
	// ByReference hands pages or file contents on without copying them.
	ByReference Class = "passed by reference"
	// Remaps changes which pages the caller's memory consists of.
	Remaps Class = "pages moved"
	// Maps makes memory, takes it away, or changes what is to happen with it.
	Maps Class = "mappings"
	// Waits waits for others, or wakes them.
	Waits Class = "waiting"
	// Accounts reads counters and clocks: shims meter themselves by it.
	Accounts Class = "metering"
	// Arranges sets up and tears down without touching a payload.
	Arranges Class = "arranging"
	// Unknown is a call that the table does not have.
	Unknown Class = "not classified"
)

// amount says where a call tells how many bytes it dealt with.
type amount uint8

const (
	nothing amount = iota
	result
	// firstArgument and those after it are the call's arguments.
	firstArgument
	secondArgument
	thirdArgument
	fourthArgument
)

// call is what is known of a system call. Page names the section 2 manual page that says
// what the call does; its class follows from there.
type call struct {
	number uint32
	name   string
	class  Class
	bytes  amount
	// flags is the argument that changes the class when it has any of the bits of mask; the
	// call is counted apart then, under variant.
	flags   amount
	mask    uint32
	variant string
	// variantClass is the class of the variant.
	variantClass Class
	// look is what else the counter examines.
	look look
}

// look is a further examination of a call's message header.
type look uint8

const (
	// forDescriptors finds descriptors that are sent: SCM_RIGHTS in unix(7).
	forDescriptors look = iota + 1
	// forCompletions finds what the kernel says of MSG_ZEROCOPY: recvmsg with MSG_ERRQUEUE,
	// Documentation/networking/msg_zerocopy.rst.
	forCompletions
)

// Flags of send(2) and recv(2), alike on all processors.
const (
	msgZerocopy   = 0x4000000
	msgErrorQueue = 0x2000
)

// zerocopyVariant is the variant of the sending calls.
const zerocopyVariant = "MSG_ZEROCOPY"

// Variants of calls.
const (
	plain = 0
	// flagged calls have a bit of call.mask.
	flagged = 1
	// withDescriptors have SCM_RIGHTS in their control message.
	withDescriptors = 2
)

// describe names a call and its variant, and classifies it.
func describe(number uint32, variant uint32) (name string, class Class) {
	c, known := callOf(number)
	if !known {
		return systemCallNumber(number), Unknown
	}
	name, class = c.name, c.class
	if variant&flagged != 0 {
		name, class = name+" "+c.variant, c.variantClass
	}
	if variant&withDescriptors != 0 {
		name += " with a descriptor"
	}
	return name, class
}

func callOf(number uint32) (call, bool) {
	for _, c := range calls() {
		if c.number == number {
			return c, true
		}
	}
	return call{}, false
}
