Console.Error.WriteLine("postern: nothing to run yet");
return 2;
