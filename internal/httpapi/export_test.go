package httpapi

import "net"

// ServeOn serves a listener that a test has made.
func (s *Server) ServeOn(listener net.Listener) { s.serve(listener) }
