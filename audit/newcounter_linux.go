package audit

// newCounter returns the best counter that this machine allows, and why it is not a better
// one.
func newCounter() (c counter, kernelErr, err error) {
	best, kernelErr := newKernelCounter()
	if kernelErr != nil {
		return newProcCounter(), kernelErr, nil
	}
	return best, nil, nil
}

// Check returns nil where everything can be counted, else what stands in the way.
func Check() error {
	c, err := newKernelCounter()
	if err != nil {
		return err
	}
	c.close()
	return nil
}
