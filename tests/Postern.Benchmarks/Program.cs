Console.Error.WriteLine("postern benchmarks: nothing to measure yet");
