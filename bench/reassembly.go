// SPDX-License-Identifier: GPL-2.0-only

// What gopacket's reassembly costs, used as its example reassemblydump uses it: requests are read from one direction, responses
// from the other, unpaired.
//
// usage: reassembly FILE		prints the numbers of requests and responses
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcap"
	"github.com/google/gopacket/reassembly"
)

var requests, responses uint64
var running sync.WaitGroup

func readRequests(in io.Reader) {
	buf := bufio.NewReader(in)
	for {
		req, err := http.ReadRequest(buf)
		if err != nil {
			io.Copy(io.Discard, buf)
			return
		}
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
		atomic.AddUint64(&requests, 1)
	}
}

func readResponses(in io.Reader) {
	buf := bufio.NewReader(in)
	for {
		resp, err := http.ReadResponse(buf, nil)
		if err != nil {
			io.Copy(io.Discard, buf)
			return
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		atomic.AddUint64(&responses, 1)
	}
}

type context struct{ info gopacket.CaptureInfo }

func (c *context) GetCaptureInfo() gopacket.CaptureInfo { return c.info }

type pairFactory struct{}

type pair struct {
	state   *reassembly.TCPSimpleFSM
	options reassembly.TCPOptionCheck
	in      [2]*io.PipeWriter
}

func (pairFactory) New(net, transport gopacket.Flow, tcp *layers.TCP, ac reassembly.AssemblerContext) reassembly.Stream {
	p := &pair{state: reassembly.NewTCPSimpleFSM(reassembly.TCPSimpleFSMOptions{SupportMissingEstablishment: true})}
	for i, read := range []func(io.Reader){readRequests, readResponses} {
		r, w := io.Pipe()
		p.in[i] = w
		running.Add(1)
		go func(read func(io.Reader)) {
			defer running.Done()
			read(r)
		}(read)
	}
	return p
}

func (p *pair) Accept(tcp *layers.TCP, ci gopacket.CaptureInfo, dir reassembly.TCPFlowDirection, next reassembly.Sequence,
	start *bool, ac reassembly.AssemblerContext) bool {
	return p.state.CheckState(tcp, dir) && p.options.Accept(tcp, ci, dir, next, start) == nil
}

func (p *pair) ReassembledSG(sg reassembly.ScatterGather, ac reassembly.AssemblerContext) {
	dir, _, _, _ := sg.Info()
	length, _ := sg.Lengths()
	data := sg.Fetch(length)
	if len(data) > 0 {
		if dir == reassembly.TCPDirClientToServer {
			p.in[0].Write(data)
		} else {
			p.in[1].Write(data)
		}
	}
}

func (p *pair) ReassemblyComplete(ac reassembly.AssemblerContext) bool {
	p.in[0].Close()
	p.in[1].Close()
	return true
}

func withReassembly(packets chan gopacket.Packet) {
	a := reassembly.NewAssembler(reassembly.NewStreamPool(pairFactory{}))
	for packet := range packets {
		tcp, ok := packet.TransportLayer().(*layers.TCP)
		if ok {
			c := &context{packet.Metadata().CaptureInfo}
			a.AssembleWithContext(packet.NetworkLayer().NetworkFlow(), tcp, c)
		}
	}
	a.FlushAll()
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: reassembly FILE")
		os.Exit(2)
	}
	in, err := pcap.OpenOffline(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	source := gopacket.NewPacketSource(in, in.LinkType())
	source.DecodeOptions = gopacket.DecodeOptions{Lazy: true, NoCopy: true}
	withReassembly(source.Packets())
	running.Wait()
	fmt.Println(requests, responses)
}
