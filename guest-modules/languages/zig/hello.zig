const std = @import("std");

pub fn main(init: std.process.Init) !void {
    var buffer: [1024]u8 = undefined;
    var stdout = std.Io.File.stdout().writerStreaming(init.io, &buffer);
    try stdout.interface.writeAll("Content-Type: text/plain\n\n");
    try stdout.interface.writeAll("hello from Zig\n");
    try stdout.interface.flush();
}
