using Limn.Samples;

// Trains the two sample models and writes them beside their data, with the rows that were kept back for testing.
// Run from the repository's root: dotnet run --project samples/Limn.Samples -c Release
string folder = args.Length > 0 ? args[0] : "samples";
DigitsSample.Make(Path.Combine(folder, "digits"));
WineSample.Make(Path.Combine(folder, "wine"));
