using Limn.Samples;

// Trains the sample models and writes them beside their data, with the rows that were kept back for testing.
// Run from the repository's root: dotnet run --project samples/Limn.Samples -c Release
// With a second argument only that sample: digits, wine or trees.
string folder = args.Length > 0 ? args[0] : "samples";
bool Wanted(string sample) => args.Length < 2 || args[1] == sample;
if (Wanted("digits")) DigitsSample.Make(Path.Combine(folder, "digits"));
if (Wanted("wine")) WineSample.Make(Path.Combine(folder, "wine"));
if (Wanted("trees")) WineTrees.Make(Path.Combine(folder, "wine"));
