using System.Numerics.Tensors;
using Limn.Engine;

namespace Limn.Data;

/// <summary>Divides pictures into regions.</summary>
/// <remarks>
/// A division is a label for each pixel, row by row; labels count from 0 in the order in which the segments first appear.
/// Every method here gives the same labels at every run.
/// </remarks>
public static partial class Segmentation
{
    /// <summary>Rectangles: <paramref name="rows"/> times <paramref name="columns"/> of them.</summary>
    /// <remarks>Row y belongs to the band ⌊y · rows / height⌋, so that bands differ by at most one pixel where the sizes do not divide.</remarks>
    /// <exception cref="InvalidOptionException">A size is below 1, or there are more rows or columns than pixels.</exception>
    public static int[] Grid(int height, int width, int rows, int columns)
    {
        if (rows < 1 || columns < 1 || rows > height || columns > width)
            throw new InvalidOptionException($"A picture of {height} x {width} pixels cannot be divided into {rows} x {columns} rectangles; each side takes from 1 to as many as it has pixels.");
        var labels = new int[height * width];
        for (int i = 0; i < labels.Length; i++)
            labels[i] = (int)((long)(i / width) * rows / height * columns + (long)(i % width) * columns / width);
        return labels;
    }

    /// <summary>A given division, with its segments numbered from 0 in the order in which they first appear.</summary>
    /// <param name="labels">Any number for each pixel; pixels of the same number are a segment, connected or not.</param>
    public static int[] FromLabels(ReadOnlySpan<int> labels)
    {
        var numbers = new Dictionary<int, int>();
        var renumbered = new int[labels.Length];
        for (int i = 0; i < labels.Length; i++)
        {
            if (!numbers.TryGetValue(labels[i], out int number)) numbers[labels[i]] = number = numbers.Count;
            renumbered[i] = number;
        }
        return renumbered;
    }

    /// <summary>The pairs of segments with a common border, and its length: how many pixels of one lie beside, above or below a pixel of the other.</summary>
    /// <returns>Pairs with A &lt; B, in ascending order.</returns>
    /// <exception cref="ShapeMismatchException">The labels are not height times width.</exception>
    public static (int A, int B, int Border)[] Neighbours(ReadOnlySpan<int> labels, int height, int width)
    {
        if (height < 0 || width < 0 || labels.Length != (long)height * width)
            throw new ShapeMismatchException($"A picture of {height} x {width} pixels has {(long)height * width} labels, and {labels.Length} were given.");
        var borders = new SortedDictionary<(int A, int B), int>();
        for (int i = 0; i < labels.Length; i++)
        {
            if (i % width + 1 < width) Meet(labels[i], labels[i + 1]);
            if (i + width < labels.Length) Meet(labels[i], labels[i + width]);
        }
        return [.. borders.Select(b => (b.Key.A, b.Key.B, b.Value))];

        void Meet(int a, int b)
        {
            if (a == b) return;
            (int, int) pair = (Math.Min(a, b), Math.Max(a, b));
            borders[pair] = borders.GetValueOrDefault(pair) + 1;
        }
    }

    /// <summary>The height and width of a picture that can be divided.</summary>
    internal static (int Height, int Width) Measure(NdArray picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        if (picture.Rank != 3 || picture.Length == 0)
            throw new ShapeMismatchException($"A picture to divide has the shape [channels, height, width], each at least 1, and {NdArray.Describe(picture.Dims)} was given.");
        if (!TensorPrimitives.IsFiniteAll<float>(picture.Floats))
            throw new InvalidDataException("The picture holds NaN or infinity; a pixel without a colour belongs to no segment. Replace it, for example by the mean of its channel.");
        return (picture.Dims[1], picture.Dims[2]);
    }

    /// <summary>The picture in the colour space in which distances are taken: CIELAB for three channels unless refused, otherwise as it is.</summary>
    private static NdArray Colours(NdArray picture, bool? convertToLab)
    {
        int channels = picture.Dims[0];
        if (convertToLab == true && channels != 3)
            throw new InvalidOptionException($"Only red, green and blue can be converted to CIELAB, and the picture has {channels} channels; leave convertToLab out.");
        return convertToLab ?? channels == 3 ? CieLab.FromSrgb(picture) : picture;
    }
}
