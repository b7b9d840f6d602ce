using System.Globalization;
using Limn.Benchmarks;

// What propagation methods cost, in forward and backward passes.
// What LIME takes beside forward passes: -- lime. Run from the repository's root: dotnet run --project benchmarks/Limn.Benchmarks -c Release -- [MODEL.onnx ...] [--repeat N]
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["superpixels", string folder])
{
    Superpixels.Run(folder);
    return;
}
if (args is ["trees", _, _, ..])
{
    TreeShapCost.Run(args[1..]);
    return;
}
if (args is ["lime"])
{
    LocalSurrogates.Run();
    return;
}
int at = Array.IndexOf(args, "--repeat"), repeat = at >= 0 && at + 1 < args.Length ? int.Parse(args[at + 1]) : 15;
string[] models = [.. args.Where((_, i) => at < 0 || (i != at && i != at + 1)).DefaultIfEmpty(Path.Combine("samples", "digits", "model.onnx"))];

Console.WriteLine("| model | rows | threads | forward ms | + backward ms | + to the layer ms | method | ms | of a pass | of the fastest | bar | |");
Console.WriteLine("| --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | --- |");
foreach (string model in models)
    foreach (int rows in (int[])[1, 16])
        foreach (int threads in (int[])[1, 2])
            PropagationCost.Print(model, rows, threads, repeat);
