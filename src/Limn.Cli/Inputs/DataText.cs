using System.Globalization;
using Limn.Data;
using Limn.Engine;

namespace Limn.Cli.Inputs;

/// <summary>Baselines and masks as the command line gives them.</summary>
internal static class DataText
{
    /// <summary>A number, a word, or a file for each input of the model. An input of integers without a file (a mask beside token ids) keeps its values.</summary>
    public static Baseline Baseline(InputReader reader, IReadOnlyList<string> given, ulong seed, IReadOnlyList<FilledInput> filled)
    {
        if (given is not [var text]) return Limn.Baseline.Of(reader.ReadArrays("--baseline", given, filled));
        Baseline? named = text switch
        {
            "blur" => Limn.Baseline.Blur(),
            "inpaint" => Limn.Baseline.Inpaint,
            "mean" => Limn.Baseline.Mean,
            "black" => Limn.Baseline.Black,
            "white" => Limn.Baseline.White,
            "uniform" => Limn.Baseline.Uniform(seed),
            "gaussian" => Limn.Baseline.Gaussian(seed: seed),
            "zero-embedding" => Limn.Baseline.ZeroEmbedding,
            _ => null,
        };
        if (named is not null) return named;
        if (!float.TryParse(text, CultureInfo.InvariantCulture, out float number)) return Limn.Baseline.Of(reader.ReadArrays("--baseline", given, filled));
        return float.IsFinite(number) ? Limn.Baseline.Value(number) : throw new CommandException($"--baseline takes a finite number, and '{text}' is not one.");
    }

    /// <summary>
    /// The groups of each input: an array of whole numbers or a table in the shape of one row, or a picture whose colours are the groups.
    /// A mask without channels holds for all of them.
    /// </summary>
    public static IReadOnlyList<NdArray> Mask(IReadOnlyList<DataFile> files, IReadOnlyList<FilledInput> inputs) => [.. files.Select((f, i) => ForRow(f switch
    {
        ArrayFile array => array.Array,
        TableFile table => NdArray.From(table.Table.Values),
        PictureFile picture => Colours(picture.Picture),
        _ => throw new InvalidDataException($"'{f.Path}' is no mask."),
    }, inputs[i]))];

    private static NdArray ForRow(NdArray mask, FilledInput input)
    {
        int[] row = input.Array.Dims[1..].ToArray();
        if (row.Length != 3 || mask.Rank != 2) return mask.Rank == 2 && row.Length == 1 && mask.Dims[0] == 1 ? mask.Reshape(mask.Length) : mask;
        bool planar = mask.Dims.SequenceEqual(row.AsSpan(1)), interleaved = mask.Dims.SequenceEqual(row.AsSpan(0, 2));
        if (!planar && !interleaved) return mask;
        int channels = planar ? row[0] : row[2];
        NdArray ids = NdArray.Create(mask.Type, row);
        for (int c = 0; c < channels; c++)
            for (int p = 0; p < mask.Length; p++)
            {
                int to = planar ? c * mask.Length + p : p * channels + c;
                if (mask.Type.IsInteger()) ids.Integers[to] = mask.Integers[p];
                else ids.Floats[to] = mask.Floats[p];
            }
        return ids;
    }

    private static NdArray Colours(Image picture)
    {
        NdArray ids = NdArray.Create(ElementType.Int64, picture.Height, picture.Width);
        for (int i = 0; i < ids.Length; i++)
            foreach (byte channel in picture.Pixels.AsSpan(i * picture.Channels, picture.Channels)) ids.Integers[i] = ids.Integers[i] << 8 | channel;
        return ids;
    }
}
