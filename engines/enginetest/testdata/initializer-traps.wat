(module (func (export "_initialize") unreachable))
