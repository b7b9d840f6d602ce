namespace Limn.Engine.Tests.Randomness;

public class CounterRandomTests
{
    // The known answers that Random123 publishes (kat_vectors, philox 4x32 10).
    [Theory]
    [InlineData(0UL, 0UL, 0UL, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x85a308d3_243f6a88UL, 0x03707344_13198a2eUL, 0x299f31d0_a4093822UL, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Philox_gives_the_published_answers(ulong low, ulong high, ulong key, uint x0, uint x1, uint x2, uint x3) =>
        Assert.Equal((x0, x1, x2, x3), CounterRandom.Philox(low, high, key));

    [Fact]
    public void Two_numbers_come_from_a_block()
    {
        var random = new CounterRandom(0);
        Assert.Equal(0xe169c58d_6627e8d5UL, random.Bits(0));
        Assert.Equal(0x9b00dbd8_bc57ac4cUL, random.Bits(1));
        Assert.Equal((0xe169c58d_6627e8d5UL >> 11) / 9007199254740992.0, random.Uniform(0));
    }

    [Fact]
    public void Seed_stream_and_index_each_change_the_bits()
    {
        ulong bits = new CounterRandom(1, 2).Bits(3);
        Assert.NotEqual(bits, new CounterRandom(2, 2).Bits(3));
        Assert.NotEqual(bits, new CounterRandom(1, 1).Bits(3));
        Assert.NotEqual(bits, new CounterRandom(1, 2).Bits(4));
        Assert.Equal(bits, new CounterRandom(1, 2).Bits(3));
    }

    [Fact]
    public void Uniform_numbers_have_the_moments_of_the_uniform_distribution()
    {
        var random = new CounterRandom(7);
        const int Count = 100_000;
        double sum = 0, squares = 0;
        for (ulong i = 0; i < Count; i++)
        {
            double u = random.Uniform(i);
            Assert.InRange(u, 0, 1 - double.Epsilon);
            sum += u;
            squares += u * u;
        }
        Assert.Equal(0.5, sum / Count, 0.005);          // standard error 0.0009
        Assert.Equal(1.0 / 3, squares / Count, 0.005);
    }

    [Fact]
    public void Normal_numbers_have_the_moments_of_the_normal_distribution()
    {
        float[] values = new float[100_000];
        new CounterRandom(3).FillNormal(values);
        double Moment(int k) => values.Average(v => Math.Pow(v, k));
        Assert.Equal(0, Moment(1), 0.02);
        Assert.Equal(1, Moment(2), 0.03);
        Assert.Equal(0, Moment(3), 0.06);
        Assert.Equal(3, Moment(4), 0.2);
        Assert.InRange(values.Count(v => Math.Abs(v) < 1.959964) / 100_000.0, 0.945, 0.955);
    }

    [Theory]
    [InlineData(0, 7)]
    [InlineData(1, 7)]
    [InlineData(1, 8)]
    [InlineData(10, 1)]
    [InlineData(10, 0)]
    public void Filling_gives_the_numbers_of_single_draws_from_any_offset(int offset, int length)
    {
        var random = new CounterRandom(11, 5);
        float[] normal = new float[length], uniform = new float[length];
        random.FillNormal(normal, (ulong)offset);
        random.FillUniform(uniform, (ulong)offset);
        for (int i = 0; i < length; i++)
        {
            Assert.Equal((float)random.Normal((ulong)(offset + i)), normal[i]);
            Assert.Equal(random.Uniform((ulong)(offset + i)), uniform[i], 1.0 / (1 << 24));
            Assert.True(uniform[i] < 1);
        }
    }

    [Fact]
    public void A_permutation_has_every_number_once_and_every_order_is_as_likely()
    {
        Assert.Equal(Enumerable.Range(0, 1000), new CounterRandom(1).Permutation(1000).Order());
        Assert.Empty(new CounterRandom(1).Permutation(0));
        Assert.Equal([0], new CounterRandom(1).Permutation(1));
        int[] counts = new int[27];
        for (ulong s = 0; s < 6000; s++)
        {
            int[] p = new CounterRandom(1, s).Permutation(3);
            counts[(p[0] * 9) + (p[1] * 3) + p[2]]++;
        }
        Assert.Equal(6, counts.Count(c => c > 0));
        Assert.All(counts.Where(c => c > 0), c => Assert.InRange(c, 870, 1130)); // 1000 expected, standard deviation 29
    }

    [Fact]
    public void Numbers_below_a_bound_are_below_it()
    {
        var random = new CounterRandom(5);
        for (ulong i = 0; i < 1000; i++) Assert.InRange(random.Below(7, i), 0, 6);
        Assert.Equal(7, Enumerable.Range(0, 1000).Select(i => random.Below(7, (ulong)i)).Distinct().Count());
        Assert.Equal(0, random.Below(1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.Below(0, 0));
    }
}
