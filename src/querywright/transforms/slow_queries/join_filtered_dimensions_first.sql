# title: two filtered dimensions of a large table
# workload: tpch
SELECT s.s_name, SUM(l.l_extendedprice) AS revenue
FROM lineitem AS l, orders AS o, supplier AS s, part AS p
WHERE l.l_orderkey = o.o_orderkey AND l.l_suppkey = s.s_suppkey AND l.l_partkey = p.p_partkey
  AND p.p_brand = 'Brand#23' AND s.s_nationkey = 3
GROUP BY s.s_name;

# title: sales of one month that were not returned
# workload: tpcds
# engines: duckdb
SELECT s.s_state, i.i_category, COUNT(*) AS sales, SUM(ss.ss_net_paid) AS paid
FROM store_sales AS ss LEFT JOIN store_returns AS sr ON ss.ss_ticket_number = sr.sr_ticket_number AND ss.ss_item_sk = sr.sr_item_sk
  JOIN store AS s ON ss.ss_store_sk = s.s_store_sk JOIN item AS i ON ss.ss_item_sk = i.i_item_sk
  JOIN date_dim AS d ON ss.ss_sold_date_sk = d.d_date_sk
WHERE d.d_year = 2001 AND d.d_moy = 11 AND sr.sr_item_sk IS NULL
GROUP BY s.s_state, i.i_category;
