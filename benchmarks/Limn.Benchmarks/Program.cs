using System.Globalization;
using Limn.Benchmarks;
using Limn.Benchmarks.Differentiation;
using Limn.Benchmarks.Networks;

// What propagation methods cost, in forward and backward passes.
// What LIME takes beside forward passes: -- lime. Run from the repository's root: dotnet run --project benchmarks/Limn.Benchmarks -c Release -- [MODEL.onnx ...] [--repeat N]
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
switch (args)
{
    case ["superpixels", string folder]:
        Superpixels.Run(folder);
        return;
    case ["trees", _, _, ..]:
        TreeShapCost.Run(args[1..]);
        return;
    case ["lime"]:
        LocalSurrogates.Run();
        return;
    // A folder, a method, threads, options: milliseconds a row. See benchmarks/peers/black_box.py.
    case ["explain", _, _, _, ..]:
        BlackBoxCost.Explain(args.AsSpan(1));
        return;
    case ["pictures", var network]:
        BlackBoxCost.Pictures(network);
        return;
    // The networks of benchmarks/peers/differentiation.py as files in a folder: all, or those named. Then what that script asks of this program.
    case ["networks", var folder, .. var names]:
        BenchmarkNetworks.Write(folder, names);
        return;
    case ["differentiate", var settings]:
        DifferentiationPeer.Serve(settings);
        return;
    case ["first-gradient", var file]:
        DifferentiationPeer.FirstGradient(file);
        return;
    case ["peak", var threads]:
        DifferentiationPeer.Peak(int.Parse(threads));
        return;
    case ["memory"]:
        BlackBoxCost.Memory();
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
