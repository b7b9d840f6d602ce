using System.Security.Cryptography;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Models;
using Limn.Trees;

namespace Limn.Cli.Inputs;

/// <summary>A model that was opened: an ONNX network, or an ensemble of trees in the format of its library.</summary>
/// <param name="Predictor">What answers.</param>
/// <param name="Name">The file's name.</param>
/// <param name="Inputs">What it takes.</param>
internal sealed record ModelSource(IPredictor Predictor, string Name, IReadOnlyList<ModelInput> Inputs)
{
    private static readonly string[] TreeExtensions = [".json", ".ubj", ".txt"];

    /// <summary>The network; null for an ensemble of trees.</summary>
    public OnnxModel? Network => Predictor as OnnxModel;

    public TreeFormat? Trees { get; private init; }

    public string? Sha256 { get; private init; }

    /// <summary>The names of the outputs, in the model's order.</summary>
    public IReadOnlyList<string> Outputs => Network is { } network ? [.. network.Graph.Outputs.Select(o => o.Name)] : ["prediction"];

    /// <exception cref="LimnException">The file is no model, or is damaged.</exception>
    public static ModelSource Open(string path, int threads)
    {
        if (!IsTrees(path))
        {
            OnnxModel network = OnnxModel.Load(path, threads);
            return new ModelSource(network, Path.GetFileName(path), ModelInput.Of(network.Graph)) { Sha256 = network.Sha256 };
        }
        TreeFile file = TreeFile.Read(path);
        TreeEnsemble trees = file.Ensemble.WithThreads(threads);
        var input = new ModelInput("rows", ElementType.Float, Shape.Of(Dim.Named("rows"), trees.Features)) { Columns = trees.FeatureNames.Count > 0 ? trees.FeatureNames : null };
        using FileStream stream = File.OpenRead(path);
        return new ModelSource(trees, Path.GetFileName(path), [input]) { Trees = file.Format, Sha256 = Convert.ToHexStringLower(SHA256.HashData(stream)) };
    }

    /// <summary>Whether a file is to be read as trees and not as ONNX: by its name, or by how it begins.</summary>
    public static bool IsTrees(string path)
    {
        string extension = Path.GetExtension(path).ToLowerInvariant();
        if (TreeExtensions.Contains(extension)) return true;
        if (extension == ".onnx" || !File.Exists(path)) return false;
        try
        {
            using FileStream stream = File.OpenRead(path);
            Span<byte> start = stackalloc byte[5];
            start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
            return start.StartsWith("{"u8) || start.StartsWith("tree\n"u8) || start.StartsWith("tree\r"u8);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // opening it says why
        }
    }
}
