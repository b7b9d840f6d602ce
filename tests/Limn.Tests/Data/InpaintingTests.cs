using Limn.Data;
using Limn.Engine;

namespace Limn.Tests.Data;

public class InpaintingTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    public void A_constant_stays_constant_and_what_is_known_stays_as_it_is(int radius)
    {
        NdArray flat = Picture(2, 13, 17, (c, _, _) => c + 0.25), noise = Noise(2, 13, 17);
        foreach (bool[] missing in (bool[][])[Hole(13, 17, 3, 4, 6, 7), Hole(13, 17, 0, 0, 13, 16), Hole(13, 17, 0, 0, 5, 5), Chess(13, 17)])
        {
            NdArray filled = Inpainting.Telea(flat, missing, radius), other = Inpainting.Telea(noise, missing, radius);
            Assert.Equal(flat.Floats.ToArray(), filled.Floats.ToArray());
            for (int i = 0; i < noise.Length; i++)
                if (!missing[i % missing.Length]) Assert.Equal(noise.Floats[i], other.Floats[i]);
                else Assert.InRange(other.Floats[i], 0, 1);
            Assert.Equal(other.Floats.ToArray(), Inpainting.Telea(noise, missing, radius).Floats.ToArray());
        }
    }

    [Fact]
    public void Missing_values_are_not_looked_at()
    {
        NdArray picture = Noise(1, 9, 9), other = picture.Copy();
        bool[] missing = Hole(9, 9, 2, 3, 4, 5);
        for (int i = 0; i < 81; i++)
            if (missing[i]) other.Floats[i] = float.NaN;
        Assert.Equal(Inpainting.Telea(picture, missing).Floats.ToArray(), Inpainting.Telea(other, missing).Floats.ToArray());
        Assert.Contains(other.Floats.ToArray(), float.IsNaN); // the input is left as it was
    }

    [Fact]
    public void A_ramp_is_continued_through_a_scratch_and_nearly_through_a_hole()
    {
        NdArray ramp = Picture(1, 20, 20, (_, y, x) => 0.03 * x + 0.01 * y);
        double Worst(bool[] missing, bool extrapolate) =>
            Inpainting.Telea(ramp, missing, extrapolate: extrapolate).Floats.ToArray().Zip(ramp.Floats.ToArray(), (a, b) => Math.Abs(a - b)).Max();
        Assert.InRange(Worst(Hole(20, 20, 2, 10, 16, 1), true), 0, 1e-3);
        Assert.InRange(Worst(Hole(20, 20, 8, 8, 5, 5), true), 0, 0.06);
        Assert.InRange(Worst(Hole(20, 20, 8, 8, 5, 5), false), Worst(Hole(20, 20, 8, 8, 5, 5), true), 0.12);
    }

    [Fact]
    public void One_missing_pixel_is_the_weighted_mean_of_those_around()
    {
        NdArray picture = Noise(1, 7, 7);
        bool[] missing = Hole(7, 7, 3, 3, 1, 1);
        double I(int y, int x) => picture.Floats[y * 7 + x];
        double nearest = I(2, 3) + I(4, 3) + I(3, 2) + I(3, 4), diagonal = I(2, 2) + I(2, 4) + I(4, 2) + I(4, 4), second = I(1, 3) + I(5, 3) + I(3, 1) + I(3, 5);
        Assert.Equal(nearest / 4, Inpainting.Telea(picture, missing, 1, extrapolate: false).Floats[24], 1e-6);

        double t = Math.Sqrt(0.5), near = 1 / (1 + t), across = 0.5 / (1 + 2 * t), far = 0.25 / (2 + t); // dst times lev; T is 0, -√½, -1 there and √½ here, without slope
        double mean = (near * nearest + across * diagonal + far * second) / (4 * (near + across + far));
        Assert.Equal(mean, Inpainting.Telea(picture, missing, 2, extrapolate: false).Floats[24], 1e-6);

        double continued = (2 * nearest - second) / 4;
        float[] sides = [picture.Floats[17], picture.Floats[31], picture.Floats[23], picture.Floats[25]];
        Assert.Equal(Math.Clamp(continued, sides.Min(), sides.Max()), Inpainting.Telea(picture, missing, 1).Floats[24], 1e-6);
    }

    [Fact]
    public void A_scratch_along_an_edge_takes_the_mean_of_both_sides()
    {
        NdArray halves = Picture(1, 11, 11, (_, _, x) => x < 5 ? 0.0 : x > 5 ? 1.0 : 0.5);
        NdArray filled = Inpainting.Telea(halves, Hole(11, 11, 3, 5, 5, 1), 3, extrapolate: false);
        for (int y = 3; y < 8; y++) Assert.Equal(0.5, filled.Floats[y * 11 + 5], 0.05);
    }

    [Fact]
    public void Everything_missing_is_the_mean_colour_and_nothing_missing_a_copy()
    {
        NdArray picture = new([0f, 1, 2, 5, 7, 7, 7, 7], 2, 2, 2);
        Assert.Equal([2f, 2, 2, 2, 7, 7, 7, 7], Inpainting.Telea(picture, [true, true, true, true]).Floats.ToArray());
        NdArray copy = Inpainting.Telea(picture, new bool[4]);
        Assert.Equal(picture.Floats.ToArray(), copy.Floats.ToArray());
        copy.Floats[0] = 9;
        Assert.Equal(0, picture.Floats[0]);
        Assert.Equal(3, Inpainting.Telea(new NdArray([3f], 1, 1, 1), [true]).Floats[0]);
        Assert.Equal([4f, 4], Inpainting.Telea(new NdArray([4f, 8], 1, 1, 2), [false, true], int.MaxValue).Floats.ToArray());
    }

    [Fact]
    public void What_cannot_be_filled_is_refused()
    {
        NdArray picture = Noise(1, 4, 4);
        Assert.Contains("16", Assert.Throws<ShapeMismatchException>(() => Inpainting.Telea(picture, new bool[15])).Message, StringComparison.Ordinal);
        Assert.Throws<ShapeMismatchException>(() => Inpainting.Telea(picture.Reshape(4, 4), new bool[16]));
        Assert.Throws<InvalidOptionException>(() => Inpainting.Telea(picture, new bool[16], 0));
        picture.Floats[6] = float.NaN;
        Assert.Contains("(1, 2)", Assert.Throws<InvalidDataException>(() => Inpainting.Telea(picture, Hole(4, 4, 0, 0, 1, 1))).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => Inpainting.Telea(picture, Hole(4, 4, 0, 0, 4, 4)));
    }

    private static NdArray Picture(int channels, int height, int width, Func<int, int, int, double> value)
    {
        NdArray picture = NdArray.Create(ElementType.Float, channels, height, width);
        for (int i = 0; i < picture.Length; i++) picture.Floats[i] = (float)value(i / (height * width), i / width % height, i % width);
        return picture;
    }

    private static NdArray Noise(int channels, int height, int width)
    {
        var random = new Random(5);
        return Picture(channels, height, width, (_, _, _) => random.NextDouble());
    }

    private static bool[] Hole(int height, int width, int top, int left, int tall, int wide) =>
        [.. Enumerable.Range(0, height * width).Select(i => i / width >= top && i / width < top + tall && i % width >= left && i % width < left + wide)];

    private static bool[] Chess(int height, int width) => [.. Enumerable.Range(0, height * width).Select(i => (i / width + i % width) % 2 == 0)];
}
