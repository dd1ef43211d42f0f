//! Reports its arguments, its environment and stdin as one JSON object; ../../README.md has the form.
//! The arguments exit, stderr, large and non-ascii are switches; ../README.md says what they do.

const std = @import("std");
const Io = std.Io;

pub fn main(init: std.process.Init) !void {
    const io = init.io;
    const arena = init.arena.allocator();
    const arguments = try init.minimal.args.toSlice(arena);

    // Streaming, for the default reader and writer ask for positions, which a pipe does not have.
    var in_buffer: [4096]u8 = undefined;
    var in = Io.File.stdin().readerStreaming(io, &in_buffer);
    const body = try in.interface.allocRemaining(arena, .unlimited);

    if (has(arguments, "stderr")) std.debug.print("stderr-marker\n", .{});

    var out_buffer: [4096]u8 = undefined;
    var out_file = Io.File.stdout().writerStreaming(io, &out_buffer);
    const out = &out_file.interface;
    if (has(arguments, "large")) {
        try out.writeAll("Content-Type: text/plain\n\n");
        for (0..(1 << 20) / 16) |_| try out.writeAll("0123456789abcdef");
    } else if (has(arguments, "non-ascii")) {
        try out.writeAll("Content-Type: text/plain; charset=utf-8\n\ngrüße, мир, 世界\n");
    } else {
        try out.writeAll("Content-Type: application/json\n\n");
        try report(out, arguments, init.environ_map, body);
    }
    try out.flush();
    if (has(arguments, "exit")) std.process.exit(0);
}

fn has(arguments: []const [:0]const u8, name: []const u8) bool {
    for (arguments, 0..) |argument, i| {
        if (i > 0 and std.mem.eql(u8, argument, name)) return true;
    }
    return false;
}

fn report(
    out: *Io.Writer,
    arguments: []const [:0]const u8,
    environment: *const std.process.Environ.Map,
    body: []const u8,
) !void {
    try out.writeAll("{\"args\":[");
    for (arguments, 0..) |argument, i| {
        if (i > 0) try out.writeByte(',');
        try string(out, argument);
    }
    try out.writeAll("],\"env\":[");
    for (environment.keys(), environment.values(), 0..) |name, value, i| {
        if (i > 0) try out.writeByte(',');
        try out.writeByte('[');
        try string(out, name);
        try out.writeByte(',');
        try string(out, value);
        try out.writeByte(']');
    }
    try out.print("],\"stdin\":{{\"length\":{d},\"text\":", .{body.len});
    try string(out, body[0..@min(body.len, 65536)]);
    try out.print(",\"fnv1a64\":\"{x:0>16}\",\"eof\":true}}}}\n", .{std.hash.Fnv1a_64.hash(body)});
}

fn string(out: *Io.Writer, bytes: []const u8) !void {
    try out.writeByte('"');
    for (bytes) |byte| switch (byte) {
        '"', '\\', 0...0x1f, 0x7f...0xff => try out.print("\\u{x:0>4}", .{byte}),
        else => try out.writeByte(byte),
    };
    try out.writeByte('"');
}
