// Ends well and says nothing.
process.stdin.resume();
